//记得引入 `axios`
const chatGPT=( msg, opt )=>{
    let content=''; 
    const dataPar=(data)=>{
        let rz = {};
        let dz= data.split('data:',2);
        const str = dz[1].trim();
        if(str=='[DONE]') rz={ finish:true,text:''};
        else{
            rz=JSON.parse(str); 
            rz.text= rz.choices[0].delta.content;
        }
        return rz ;
    }
    const dd= ( data )=>{
        let arr = data.trim().split("\n\n");
        let rz={text:'',arr:[]};
        const atext= arr.map(v=>{
        const aa= dataPar(v);
        return aa.text;
        });
        rz.arr= atext;
        rz.text= atext.join("");
        if( opt.onMessage)  opt.onMessage(rz);
        return rz ;
    }
    return new Promise((resolve, reject) => {
        axios({
        method: 'post',
        url: 'https://api.openai-hk.com/v1/chat/completions',
        data: {
            "max_tokens": 1200, 
            "model": "gpt-3.5-turbo", //模型替换 如需调用4.0，改为gpt-4或gpt-4-0613即可
            "temperature": 0.8,
            "top_p": 1,
            "presence_penalty": 1,
            "messages": [
                {
                    "role": "system",
                    "content": opt.system??"You are ChatGPT"
                },
                {
                    "role": "user",
                    "content": msg 
                }
            ],
            "stream": true //数据流方式输出
        },
        headers:{
            'Content-Type': 'application/json',
            'Authorization': 'Bearer hk-你的key'
        },
        onDownloadProgress: e=>dd(  e.target.responseText)
        })
        .then(d=>  resolve(dd(d.data) ))
        .catch(e=> reject(e ) );

    })   
}

//调用
chatGPT( '你是谁？' 
  ,{
      //system:'', //角色定义
      onMessage: d=> console.log('过程性结果：',d.text  ) 
    }
).then( d=> console.log('✅最终结果：', d ) ).catch( e=>  console.log('❎错误：', e )  );
